using LLama;
using LLama.Common;
using LLama.Native;

namespace PeftSharp.LlamaTests;

/// <summary>llama.cpp itself, through LLamaSharp: what it makes of a GGUF file.</summary>
internal sealed class LlamaCpp : IDisposable
{
    private static readonly Lazy<string?> Problem = new(FindProblem);

    private readonly LLamaWeights _weights;
    private readonly LLamaContext _context;

    private LlamaCpp(string model)
    {
        // Everything in 32 bits, one thread: the numbers are to be compared.
        var settings = new ModelParams(model)
        {
            ContextSize = 256,
            GpuLayerCount = 0,
            Threads = 1,
            BatchThreads = 1,
            FlashAttention = false,
            TypeK = GGMLType.GGML_TYPE_F32,
            TypeV = GGMLType.GGML_TYPE_F32
        };
        _weights = LLamaWeights.LoadFromFile(settings);
        _context = _weights.CreateContext(settings);
    }

    /// <summary>Loads a model; skips the test where llama.cpp does not run.</summary>
    public static LlamaCpp Load(string model)
    {
        if (Problem.Value is { } problem) Assert.Skip($"llama.cpp's native library does not load here: {problem}");
        return new(model);
    }

    /// <summary>Tokens of a text, special ones around it as the file says.</summary>
    public int[] Tokenize(string text, bool ends = true) =>
        [.. _weights.Tokenize(text, ends, true, System.Text.Encoding.UTF8).Select(token => (int)token)];

    /// <summary>Puts an adapter on.</summary>
    public void Adapt(string file, float scale = 1)
    {
        var adapter = _weights.NativeHandle.LoadLoraFromFile(file);
        _context.NativeHandle.SetLoraAdapters([(adapter, scale)]);
    }

    /// <summary>The logits after each token: [tokens][vocabulary].</summary>
    /// <param name="ids">The tokens.</param>
    /// <param name="reads">What an encoder reads before; null where there is none.</param>
    public float[][] Logits(int[] ids, int[]? reads = null)
    {
        _context.NativeHandle.MemoryClear();
        if (reads is not null) Assert.Equal(EncodeResult.Ok, _context.Encode(Batch(reads)));
        var batch = Batch(ids);
        Assert.Equal(DecodeResult.Ok, _context.Decode(batch));
        return [.. Enumerable.Range(0, ids.Length).Select(i => _context.NativeHandle.GetLogitsIth(i).ToArray())];
    }

    private static LLamaBatch Batch(int[] ids)
    {
        var batch = new LLamaBatch();
        for (var i = 0; i < ids.Length; i++) batch.Add(ids[i], i, LLamaSeqId.Zero, logits: true);
        return batch;
    }

    /// <summary>The likeliest next tokens, one after another.</summary>
    public int[] Greedy(int[] prompt, int count)
    {
        var ids = prompt.ToList();
        for (var i = 0; i < count; i++)
        {
            var last = Logits([.. ids])[^1];
            ids.Add(Array.IndexOf(last, last.Max()));
        }
        return [.. ids.Skip(prompt.Length)];
    }

    public void Dispose()
    {
        _context.Dispose();
        _weights.Dispose();
    }

    private static string? FindProblem()
    {
        try
        {
            NativeLibraryConfig.All.WithLogCallback((_, _) => { });
            NativeApi.llama_empty_call();
            return null;
        }
        catch (Exception e)
        {
            return e.GetBaseException().Message.Split('\n')[0];
        }
    }
}
