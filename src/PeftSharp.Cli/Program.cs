using PeftSharp.Evaluation.Conformance;
foreach (var dir in args)
{
    var r = ConformanceRunner.Run(dir);
    Console.WriteLine($"{(r.Passed ? "pass" : "FAIL")} {r.Case} {r.Failure} {r.Seconds:F1}s");
    foreach (var q in r.Quantities) Console.WriteLine($"    {(q.Passed ? "ok  " : "BAD ")}{q.Name,-22} {q.Error:e2} / {q.Tolerance:e0} {q.Where}");
}
return 0;
