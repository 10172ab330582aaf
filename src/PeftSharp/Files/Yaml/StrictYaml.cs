using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace PeftSharp.Files.Yaml;

/// <summary>
/// The one way in for YAML. Values are built from the stream of events with bounds of bytes, depth and count; aliases and tags, by which a
/// small file names itself or asks for types, are refused, as are keys that repeat.
/// </summary>
internal sealed class StrictYaml
{
    private const long MostBytes = 1 << 20;
    private const int MostDepth = 32, MostValues = 20_000, LongestText = 1 << 16;

    private readonly string _file;
    private readonly Parser _parser;
    private int _values;

    private StrictYaml(string file, string text) => (_file, _parser) = (file, new Parser(new StringReader(text)));

    /// <summary>Reads a file whose root is a mapping.</summary>
    /// <exception cref="PeftException">It cannot be read or is no such file; the message names the line.</exception>
    public static YamlMap Read(string file)
    {
        var yaml = new StrictYaml(file, Text(file));
        try
        {
            return yaml.Document();
        }
        catch (YamlException e)
        {
            throw yaml.Bad((int)e.Start.Line, $"not valid YAML ({e.Message.Split('\n')[0].TrimEnd('.')})");
        }
        catch (Exception e) when (e is not (PeftException or OutOfMemoryException))
        {
            // The parser is not ours: what else it may throw at a damaged file is known to nobody.
            throw yaml.Bad((int)(yaml._parser.Current?.Start.Line ?? 1), "not valid YAML");
        }
    }

    private static string Text(string file)
    {
        try
        {
            var bytes = RegularFile.Bytes(file, MostBytes).AsSpan();
            if (bytes.StartsWith(Encoding.UTF8.Preamble)) bytes = bytes[3..];
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw new SettingsException($"{file} is not UTF-8; save it as UTF-8.");
        }
    }

    private YamlMap Document()
    {
        _parser.Consume<StreamStart>();
        if (!_parser.TryConsume<DocumentStart>(out _) || Value(0) is not YamlMap map)
            throw Bad(1, "no mapping; write \"key: value\" lines");
        _parser.Consume<DocumentEnd>();
        if (!_parser.TryConsume<StreamEnd>(out _)) throw Bad((int)(_parser.Current?.Start.Line ?? 1), "a second document; write one");
        return map;
    }

    private YamlValue Value(int depth)
    {
        var line = (int)(_parser.Current?.Start.Line ?? 1);
        if (++_values > MostValues) throw Bad(line, $"more than {MostValues} values");
        if (depth > MostDepth) throw Bad(line, $"values deeper than {MostDepth} lists and mappings");
        if (_parser.Accept<AnchorAlias>(out var alias))
            throw Bad(line, $"the alias \"*{alias.Value}\", which is not read; write the value itself");
        if (_parser.Accept<NodeEvent>(out var node) && !node.Tag.IsEmpty && !node.Tag.IsNonSpecific)
            throw Bad(line, $"the tag \"{node.Tag}\", which is not read; leave it out");
        if (_parser.TryConsume<Scalar>(out var scalar)) return Scalar(scalar, line);
        return _parser.TryConsume<SequenceStart>(out _) ? List(line, depth) : Map(line, depth);
    }

    private YamlScalar Scalar(Scalar scalar, int line) => scalar.Value.Length <= LongestText
        ? new(line, scalar.Value, scalar.Style is ScalarStyle.Plain)
        : throw Bad(line, $"a text of {scalar.Value.Length} characters, more than {LongestText}");

    private YamlList List(int line, int depth)
    {
        var items = new List<YamlValue>();
        while (!_parser.TryConsume<SequenceEnd>(out _)) items.Add(Value(depth + 1));
        return new(line, items);
    }

    private YamlMap Map(int line, int depth)
    {
        _parser.Consume<MappingStart>();
        var (entries, names) = (new List<(YamlScalar, YamlValue)>(), new HashSet<string>(StringComparer.Ordinal));
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            if (Value(depth + 1) is not YamlScalar { IsNull: false } key)
                throw Bad((int)(_parser.Current?.Start.Line ?? line), "a key is no text; write \"key: value\" lines");
            if (!names.Add(key.Text)) throw Bad(key.Line, $"the key \"{Printable.Cut(key.Text, 80)}\" is there twice; write it once");
            entries.Add((key, Value(depth + 1)));
        }
        return new(line, entries);
    }

    private SettingsException Bad(int line, string problem) => new($"{_file}, line {line}: {problem}.");
}
