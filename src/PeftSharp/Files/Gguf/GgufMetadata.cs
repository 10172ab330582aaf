namespace PeftSharp.Files.Gguf;

/// <summary>The metadata of a GGUF file by key; a value of another kind than is asked for is one sentence.</summary>
internal sealed class GgufMetadata(string path)
{
    private readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);

    /// <summary>All values by key.</summary>
    public IReadOnlyDictionary<string, object> Values => _values;

    /// <summary>The file.</summary>
    public string Path => path;

    /// <summary>Adds a value; false if the key has one.</summary>
    public bool Add(string key, object value) => _values.TryAdd(key, value);

    /// <summary>Whether a key is there.</summary>
    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>A text.</summary>
    public string? Text(string key) => Get<string>(key, "a text");

    /// <summary>A truth value.</summary>
    public bool? Flag(string key) => _values.ContainsKey(key) ? Get<object>(key, "true or false") as bool?
        ?? throw Wrong(key, "true or false") : null;

    /// <summary>A whole number from 0 to <paramref name="most"/>; an array counts where all its items are one number.</summary>
    public int? Int(string key, int most = int.MaxValue)
    {
        if (!_values.TryGetValue(key, out var value)) return null;
        if (value is long[] { Length: > 0 } same && same.All(item => item == same[0])) value = same[0];
        return value is long number && number >= 0 && number <= most ? (int)number : throw Wrong(key, $"a whole number from 0 to {most}");
    }

    /// <summary>A whole number that must be there.</summary>
    public int RequiredInt(string key, int most = int.MaxValue) => Int(key, most) ?? throw Missing(key);

    /// <summary>A finite number.</summary>
    public double? Number(string key)
    {
        if (!_values.TryGetValue(key, out var value)) return null;
        var number = value as double? ?? (value is long whole ? whole : double.NaN);
        return double.IsFinite(number) ? number : throw Wrong(key, "a finite number");
    }

    /// <summary>Texts.</summary>
    public string[]? Texts(string key) => Get<string[]>(key, "a list of texts");

    /// <summary>Whole numbers.</summary>
    public long[]? Ints(string key) => Get<long[]>(key, "a list of whole numbers");

    /// <summary>Numbers.</summary>
    public double[]? Numbers(string key) => Get<double[]>(key, "a list of numbers");

    /// <summary>What to throw for a key that is missing.</summary>
    public PeftException Missing(string key) => new($"{path} lacks the metadata {key}, which a model needs; convert the model again.");

    /// <summary>What to throw for a key of another kind.</summary>
    public PeftException Wrong(string key, string expected) => new($"{path}: the metadata {key} is {Describe(_values[key])}; expected "
        + $"{expected}: convert the model again.");

    private T? Get<T>(string key, string expected) where T : class =>
        !_values.TryGetValue(key, out var value) ? null : value as T ?? throw Wrong(key, expected);

    private static string Describe(object value) => value switch
    {
        string text => Quoted.Name(text),
        Array list => $"a list of {list.Length:N0}",
        IFormattable number => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };
}
