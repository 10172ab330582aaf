namespace PeftSharp.Methods.Reparameterized.AdaLora;

/// <summary>The tensors of one map: a rank is a row of A [rank, in], a column of B [out, rank] and a number of E [rank, 1].</summary>
internal sealed record Triplet(AdapterTensor A, AdapterTensor B, AdapterTensor E)
{
    /// <summary>The three.</summary>
    public IEnumerable<AdapterTensor> Tensors => [A, B, E];

    /// <summary>Number of ranks.</summary>
    public int Ranks => (int)E.Value.shape[0];

    /// <summary>What peft calls it under <c>rank_pattern</c>.</summary>
    public string Key => $"{E.Path}.{E.Local}";
}
