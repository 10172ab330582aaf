using PeftSharp.Files.Json;
using PeftSharp.Tokenization.Models;

namespace PeftSharp.Tokenization.PostProcessors;

/// <summary>Builds the post-processor from the <c>post_processor</c> of tokenizer.json: every kind is a template.</summary>
internal sealed class PostProcessorReader(Vocabulary vocabulary)
{
    private const int MostParts = 64;

    private TemplatePart[]? single, pair;
    private OffsetTrimmer? trimmer;

    public PostProcessor Read(JsonField? field)
    {
        if (field is { } processor)
        {
            ReadStep(processor);
        }
        return new PostProcessor(single ?? PostProcessor.PlainSingle, pair ?? PostProcessor.PlainPair, trimmer);
    }

    private void ReadStep(JsonField field)
    {
        var type = field.Required("type");
        switch (type.String())
        {
            case "ByteLevel":
                ReadTrimming(field);
                break;
            case "TemplateProcessing":
                SetTemplate(type, ReadTemplate(field, "single"), ReadTemplate(field, "pair"));
                break;
            case "BertProcessing":
                var (cls, sep) = (ReadSpecial(field.Required("cls")), ReadSpecial(field.Required("sep")));
                SetTemplate(type, [new(-1, cls, 0), new(0, [], 0), new(-1, sep, 0)],
                    [new(-1, cls, 0), new(0, [], 0), new(-1, sep, 0), new(1, [], 1), new(-1, sep, 1)]);
                break;
            case "RobertaProcessing":
                var (bos, eos) = (ReadSpecial(field.Required("cls")), ReadSpecial(field.Required("sep")));
                SetTemplate(type, [new(-1, bos, 0), new(0, [], 0), new(-1, eos, 0)],
                    [new(-1, bos, 0), new(0, [], 0), new(-1, eos, 0), new(-1, eos, 0), new(1, [], 0), new(-1, eos, 0)]);
                ReadTrimming(field);
                break;
            case "Sequence":
                foreach (var step in field.Required("processors").Items(MostParts))
                {
                    ReadStep(step);
                }
                break;
            default:
                throw type.Error(type.Describe(), "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or Sequence",
                    "this post-processor can't be read yet");
        }
    }

    private void SetTemplate(JsonField type, TemplatePart[] forOne, TemplatePart[] forTwo)
    {
        if (single is not null)
        {
            throw type.Error("a second template", "one", "this post-processor can't be read yet");
        }
        (single, pair) = (forOne, forTwo);
    }

    private void ReadTrimming(JsonField field)
    {
        if (field.Flag("trim_offsets", true))
        {
            trimmer = new OffsetTrimmer(vocabulary, field.Flag("add_prefix_space", true));
        }
    }

    private TemplatePart[] ReadTemplate(JsonField field, string name)
    {
        var template = field.Required(name);
        var parts = template.Items(MostParts).Select(item => ReadPart(field, item)).ToArray();
        if (parts.Count(part => part.Sequence == 0) != 1 || parts.Count(part => part.Sequence == 1) != (name == "pair" ? 1 : 0))
        {
            throw template.Error("a template that lacks or repeats a text", name == "pair" ? "texts A and B" : "text A", "correct it");
        }
        return parts;
    }

    private TemplatePart ReadPart(JsonField field, JsonField item)
    {
        if (item.Optional("Sequence") is { } sequence)
        {
            var id = sequence.Required("id");
            var number = id.String() switch { "A" => 0, "B" => 1, _ => throw id.Error(id.Describe(), "A or B", "correct it") };
            return new(number, [], sequence.Required("type_id").Int(255));
        }
        var special = item.Required("SpecialToken");
        var ids = field.Required("special_tokens").Required(special.Required("id").String()).Required("ids");
        return new(-1, [.. ids.Items(MostParts).Select(ReadId)], special.Required("type_id").Int(255));
    }

    // ["[CLS]", 101]
    private int[] ReadSpecial(JsonField field) => field.Items().Take(3).ToArray() is [_, var id]
        ? [ReadId(id)] : throw field.Error(field.Describe(), "a token and its id", "correct it");

    private int ReadId(JsonField field) => vocabulary.TokenOf(field.Int(Vocabulary.LargestId)) is not null
        ? field.Int(Vocabulary.LargestId)
        : throw field.Error($"{field.Describe()}, which no token has", "the id of a token", "correct it");
}
