using TorchSharp;
PeftSharp.Interop.LibTorch.EnsureLoaded();
var a = torch.randn(3, 4);
Console.WriteLine(torch.matmul(a, a.t()).sum().item<float>());
return 0;
