using System.Text.Json;
using PeftSharp.Files.Json;
using PeftSharp.Tokenization.Legacy;

namespace PeftSharp.Tokenization.Settings;

/// <summary>
/// Makes of tokenizer.json what Python's class makes of it: tokenizer_config.json beside it sets normalizer, first space and added tokens
/// anew.
/// </summary>
/// <param name="config">tokenizer_config.json.</param>
/// <param name="file">tokenizer.json.</param>
internal sealed class TokenizerOverrides(TokenizerConfig config, JsonField file)
{
    private readonly TokenizerClass kind = TokenizerClass.Named(config.ClassName);
    private readonly Dictionary<string, Action<Utf8JsonWriter>> changes = [];

    /// <summary>The file as it works; null where nothing is set otherwise.</summary>
    public byte[]? Apply()
    {
        if (kind.IsInCode)
        {
            throw new PeftException($"{config.File}: tokenizer_class is \"{kind.Name}\", whose steps stand in Python code and in no file; "
                + "expected a "
                + "tokenizer with a tokenizer.json of its own class: choose another model.");
        }
        SetNormalizer();
        SetFirstSpace();
        CheckEnds();
        new AddedTokenOverrides(config, file).Register(changes);
        return changes.Count == 0 ? null : Write();
    }

    private byte[] Write()
    {
        var missing = changes.Keys.Where(name => !file.Element.TryGetProperty(name, out _)).ToList();
        return PipelineJson.Write(writer =>
        {
            foreach (var (name, value) in file.Members())
            {
                writer.WritePropertyName(name);
                if (changes.TryGetValue(name, out var write))
                {
                    write(writer);
                }
                else
                {
                    value.Element.WriteTo(writer);
                }
            }
            foreach (var name in missing)
            {
                writer.WritePropertyName(name);
                changes[name](writer);
            }
        });
    }

    private void SetNormalizer()
    {
        if (!kind.IsBert && !kind.IsUnknown)
        {
            return; // other classes leave the normalizer alone
        }
        bool? lowercase = config.Flag("do_lower_case"), chinese = config.Flag("tokenize_chinese_chars"),
            accents = config.Flag("strip_accents");
        if (lowercase is null && chinese is null && accents is null && (kind.IsUnknown || !config.Exists))
        {
            return;
        }
        if (file.Optional("normalizer") is not { } normalizer || normalizer.Required("type").String() != "BertNormalizer")
        {
            RefuseOtherNormalizer(lowercase);
            return;
        }
        var now = new
        {
            Lowercase = normalizer.Flag("lowercase", true),
            Chinese = normalizer.Flag("handle_chinese_chars", true),
            Accents = normalizer.Optional("strip_accents") is null ? (bool?)null : normalizer.Flag("strip_accents", false),
        };
        var wanted = new
        {
            Lowercase = lowercase ?? (kind.IsBert || now.Lowercase),
            Chinese = chinese ?? (kind.IsBert || now.Chinese),
            Accents = accents ?? (kind.IsBert || config.Has("strip_accents") ? null : now.Accents),
        };
        if (wanted.Equals(now))
        {
            return;
        }
        changes["normalizer"] = json =>
        {
            json.WriteStartObject();
            json.WriteString("type", "BertNormalizer");
            json.WriteBoolean("clean_text", normalizer.Flag("clean_text", true));
            json.WriteBoolean("handle_chinese_chars", wanted.Chinese);
            WriteFlag(json, "strip_accents", wanted.Accents);
            json.WriteBoolean("lowercase", wanted.Lowercase);
            json.WriteEndObject();
        };
    }

    // Versions differ in what they make of it, so only what all of them agree on is read.
    private void RefuseOtherNormalizer(bool? lowercase)
    {
        if (lowercase is null || lowercase == Lowers(file.Optional("normalizer")))
        {
            return;
        }
        throw new PeftException($"{config.File}: do_lower_case is {(lowercase == true ? "true" : "false")}, but the normalizer of "
            + "tokenizer.json "
            + $"{(lowercase == true ? "keeps capitals" : "lowers capitals")} and is no BertNormalizer that could be set otherwise; make "
                + "the two files agree.");
    }

    private static bool Lowers(JsonField? normalizer) => normalizer is { } field && field.Required("type").String() switch
    {
        "Lowercase" => true,
        "BertNormalizer" => field.Flag("lowercase", true),
        "Sequence" => field.Required("normalizers").Items().Any(step => Lowers(step)),
        _ => false,
    };

    private void SetFirstSpace()
    {
        var wanted = config.Flag("add_prefix_space");
        if (kind.IsBert || file.Optional("pre_tokenizer") is not { } splitter)
        {
            return;
        }
        // Inside a sequence only the classes that build their steps anew set it.
        var inside = kind.IsByteLevel || kind.IsUnknown;
        if (wanted is null)
        {
            wanted = kind.IsByteLevel && config.Exists && splitter.Required("type").String() == "ByteLevel" ? false : null;
        }
        if (wanted is not { } space)
        {
            return;
        }
        if (Differs(splitter, space, inside))
        {
            changes["pre_tokenizer"] = json => WriteWithSpace(json, splitter, space, inside);
        }
        if (file.Optional("post_processor") is { } processor && Differs(processor, space, inside))
        {
            changes["post_processor"] = json => WriteWithSpace(json, processor, space, inside);
        }
    }

    private static bool Differs(JsonField step, bool space, bool inside) => step.Required("type").String() switch
    {
        "ByteLevel" or "RobertaProcessing" => step.Flag("add_prefix_space", true) != space,
        "Sequence" when inside => Steps(step).Items().Any(inner => Differs(inner, space, inside)),
        _ => false,
    };

    private static JsonField Steps(JsonField sequence) => sequence.Optional("pretokenizers") ?? sequence.Required("processors");

    private static void WriteWithSpace(Utf8JsonWriter json, JsonField step, bool space, bool inside)
    {
        if (!Differs(step, space, inside))
        {
            step.Element.WriteTo(json);
            return;
        }
        json.WriteStartObject();
        foreach (var (name, value) in step.Members().Where(member => member.Name != "add_prefix_space"))
        {
            json.WritePropertyName(name);
            if (name is "pretokenizers" or "processors")
            {
                json.WriteStartArray();
                foreach (var inner in value.Items())
                {
                    WriteWithSpace(json, inner, space, inside);
                }
                json.WriteEndArray();
            }
            else
            {
                value.Element.WriteTo(json);
            }
        }
        if (step.Required("type").String() != "Sequence")
        {
            json.WriteBoolean("add_prefix_space", space);
        }
        json.WriteEndObject();
    }

    // Newer versions of the library put these tokens themselves, older ones leave them to tokenizer.json: read only where both do the same.
    private void CheckEnds()
    {
        foreach (var (flag, role, atStart) in new[] { ("add_bos_token", "bos_token", true), ("add_eos_token", "eos_token", false) })
        {
            if (config.Flag(flag) is not { } wanted || kind.IsBert || config.Token(role) is not { } token)
            {
                continue;
            }
            var has = Template.Has(file, token, atStart);
            if (has is { } found && found != wanted)
            {
                throw new PeftException($"{config.File}: {flag} is {(wanted ? "true" : "false")}, but the post_processor of tokenizer.json "
                    + $"{(found ? "adds" : "does not add")} \"{token}\" there; make the two files agree.");
            }
        }
    }

    private static void WriteFlag(Utf8JsonWriter json, string name, bool? value)
    {
        if (value is { } flag)
        {
            json.WriteBoolean(name, flag);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
