using System.Runtime.InteropServices;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Models;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Generation;

/// <summary>Sequences that grow by a token at a time, with what was computed for them so far.</summary>
internal sealed class DecodingSession : IDisposable
{
    private readonly PeftModel _model;
    private readonly AdapterSelection _selection;
    private readonly int _padId;
    private readonly int? _start;
    private readonly List<int[]> _prompts;
    private readonly KeyValueCache? _cache;
    private readonly KeptKeys? _kept;
    private readonly MergedWeights? _merged;
    private List<List<int>> _answers;
    private int _width = 1; // rows that each prompt has become
    private double[] _logits = [];
    private bool _begun;
    private bool _isWhole = true; // what the cache holds is what the tokens so far ask for

    /// <param name="model">The model; its head gives the next token.</param>
    /// <param name="selection">Which adapters act on which prompts.</param>
    /// <param name="prompts">Token ids of each prompt, at least one each.</param>
    /// <param name="padId">What fills shorter prompts up; the mask hides it.</param>
    /// <param name="most">Tokens to come, at most.</param>
    /// <param name="caches">False computes whole sequences anew.</param>
    /// <param name="kept">What is left of an earlier sequence, and takes what is left of this one; null for nothing.</param>
    public DecodingSession(PeftModel model, AdapterSelection selection, IReadOnlyList<IReadOnlyList<int>> prompts, int padId, int most,
        bool caches, KeptKeys? kept = null)
    {
        if (model.Model is not DecoderModel decoder)
            throw new PeftException($"Models of type {model.Model.Config.ModelType} generate no text; give a decoder (GPT-2, Llama, T5 "
                + "and their kin).");
        if (prompts.Count == 0) throw new PeftException("There is no prompt; give at least one.");
        (_model, _selection, _padId, _start) = (model, selection, padId, decoder.AnswerStart);
        _prompts = [.. prompts.Select((p, i) => p.Count > 0 ? p.ToArray()
            : throw new PeftException($"Prompt {i + 1} has no token; give it some text."))];
        _answers = [.. _prompts.Select(_ => new List<int>())];
        var longest = Longest + most;
        var whole = selection.HasSplit || selection.Adapters.Any(adapter => adapter.NeedsAllTokens);
        if (!caches || whole || !decoder.CanKeepKeys(longest)) return;
        _merged = model.Model.Sites.Merged;
        if (prompts.Count == 1 && _start is null && KeptKeys.Serves(model, selection)) _kept = kept;
        if (_kept is null) _cache = new();
        else (_cache, Reused) = _kept.Take(model, selection, _prompts[0]);
    }

    /// <summary>Tokens of the prompt that an earlier session had read.</summary>
    public int Reused { get; }

    /// <summary>Rows of the batch.</summary>
    public int Rows => _answers.Count;

    /// <summary>True if keys and values are kept.</summary>
    public bool Caches => _cache is not null;

    /// <summary>Bytes that are kept for the sequences.</summary>
    public long CacheBytes => _cache?.Bytes ?? 0;

    // Of the sequence that grows, without what adapters add.
    private int Longest => _start is null ? _prompts.Max(p => p.Length) : 1;

    /// <summary>Tokens that may still come until a row is as long as the model takes.</summary>
    public static int Room(PeftModel model, AdapterSelection selection, IReadOnlyList<IReadOnlyList<int>> prompts)
    {
        var sites = model.Model.Sites;
        var (shift, perRow) = sites.PositionShift(new ForwardContext { Selection = selection });
        var added = sites.AddedTokens(selection) + shift + (perRow?.Max() ?? 0);
        var own = model.Model is DecoderModel { AnswerStart: not null } ? 1 : prompts.Max(p => p.Count);
        var room = model.Model.MaxTokens - added - own;
        if (room < 1)
            throw new PeftException($"A prompt of {own} tokens leaves no room for an answer: the model takes {model.Model.MaxTokens} tokens"
                + (added > 0 ? $", of which the adapter uses {added}" : "") + "; shorten the prompt.");
        return (int)Math.Min(room, int.MaxValue);
    }

    /// <summary>What a row's tokens are so far, as a penalty for repetition sees them.</summary>
    public IEnumerable<int> History(int row) => _start is { } start ? _answers[row].Prepend(start)
        : _prompts[row / _width].Concat(_answers[row]);

    /// <summary>
    /// Takes in each row's next token (none in the first call) and yields the logits of the one after it, [rows × vocabulary], in an array
    /// that the next call fills anew.
    /// </summary>
    public double[] Advance(IReadOnlyList<int>? tokens = null)
    {
        for (var row = 0; tokens is not null && row < tokens.Count; row++) _answers[row].Add(tokens[row]);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var batch = Batch(_cache is null || !_begun);
        var context = new ForwardContext { Selection = _selection.Repeat(_width), Cache = _cache, LastToken = true };
        _isWhole = false;
        var logits = _model.Model.Forward(batch, context).Logits;                    // [rows, 1, vocabulary]
        (_begun, _isWhole) = (true, true);
        var numbers = MemoryMarshal.Cast<byte, double>(logits.to(ScalarType.Float64).cpu().contiguous().bytes);
        if (_logits.Length != numbers.Length) _logits = new double[numbers.Length];
        numbers.CopyTo(_logits);
        return _logits;
    }

    /// <summary>
    /// Goes on with other rows: row i is what row <paramref name="rows"/>[i] was. Rows of one prompt stay beside each other, as many for
    /// each.
    /// </summary>
    public void Select(IReadOnlyList<int> rows)
    {
        _cache?.Select([.. rows.Select(row => (long)row)]);
        _answers = [.. rows.Select(row => new List<int>(_answers[row]))];
        _width = rows.Count / _prompts.Count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_cache is null) return;
        if (_kept is not null && _begun && _isWhole && Rows == 1)
            _kept.Keep(_model, _selection, _merged, [.. _prompts[0], .. _answers[0]], _cache);
        else _cache.Dispose();
    }

    private TokenBatch Batch(bool whole)
    {
        int[] Prompt(int row) => _prompts[row / _width];
        var rows = Enumerable.Range(0, Rows);
        if (_start is { } start)
            return Batch([.. rows.Select(Prompt)], [.. rows.Select(row => whole ? (int[])[start, .. _answers[row]] : [_answers[row][^1]])]);
        return Batch([.. rows.Select(row => whole ? (int[])[.. Prompt(row)[Reused..], .. _answers[row]] : [_answers[row][^1]])], null);
    }

    // Shorter rows are padded at the left: the next token follows the last one. Answers of one step are of one length.
    private TokenBatch Batch(int[][] rows, int[][]? answers)
    {
        var width = rows.Max(row => row.Length);
        var (ids, mask) = (new long[rows.Length * width], new long[rows.Length * width]);
        Array.Fill(ids, _padId);
        for (var row = 0; row < rows.Length; row++)
            for (var i = 0; i < rows[row].Length; i++)
            {
                var place = (row + 1) * width - rows[row].Length + i;
                (ids[place], mask[place]) = (rows[row][i], 1);
            }
        var real = rows.Sum(row => row.Length);
        return new()
        {
            InputIds = tensor(ids, [rows.Length, width]),
            AttentionMask = tensor(mask, [rows.Length, width]),
            AnswerIds = answers is null ? null : tensor([.. answers.SelectMany(a => a.Select(id => (long)id))], [answers.Length,
                answers[0].Length]),
            RealTokens = real,
            Unpadded = real == ids.Length,
        };
    }
}
