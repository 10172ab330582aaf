using PeftSharp.Data;
using PeftSharp.Models;
using PeftSharp.Sites;

namespace PeftSharp.Runs.Trunk;

/// <summary>How a dataset's rows are put into batches while its trunk is computed.</summary>
/// <param name="Rows">The rows of each batch; every row once.</param>
/// <param name="TokensPerPass">Padded tokens above which a batch goes through in parts, as <see cref="TokenBatch.Split"/> makes them; 0
/// (default) for no limit.</param>
public sealed record TrunkBatches(IReadOnlyList<int[]> Rows, int TokensPerPass = 0);
