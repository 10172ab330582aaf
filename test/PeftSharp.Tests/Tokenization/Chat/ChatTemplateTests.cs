using System.Text.Json;
using PeftSharp.Tokenization;
using PeftSharp.Tokenization.Chat;

namespace PeftSharp.Tests.Tokenization.Chat;

public class ChatTemplateTests
{
    private static readonly Dictionary<string, string> ends = new() { ["bos_token"] = "<s>", ["eos_token"] = "</s>" };

    public static TheoryData<string> Names => [.. Rows().Select(row => row.GetProperty("name").GetString()!).Distinct()];

    /// <summary>Templates in the manner of published models, and every construct that is supported, as Jinja2 (Python) writes them with
    /// transformers' settings.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void TextsAreThoseOfJinja(string name)
    {
        foreach (var row in Rows().Where(row => row.GetProperty("name").GetString() == name))
        {
            var template = ChatTemplate.Parse(row.GetProperty("template").GetString()!, name, ends);
            var settings = row.GetProperty("settings").EnumerateObject().ToDictionary(s => s.Name, s => (object)s.Value.GetBoolean());
            string Render() => template.Render(Messages(row), row.GetProperty("add_generation_prompt").GetBoolean(), settings).Text;
            if (row.GetProperty("refused").GetString() is { } refused)
            {
                Assert.Contains($"{name} refuses these messages: {refused.TrimEnd('.')}.", Assert.Throws<PeftException>(Render).Message);
            }
            else
            {
                Assert.Equal(row.GetProperty("text").GetString(), Render());
            }
        }
    }

    [Fact]
    public void ConversationsOfSmolLm2AreWrittenAsTransformersDoes()
    {
        var template = ChatTemplate.Parse(File.ReadAllText(TestPaths.Fixture("chat", "smollm2.jinja")));
        foreach (var chat in Chats())
        {
            Assert.Equal(chat.GetProperty("text").GetString(), template.Render(Messages(chat)).Text);
        }
    }

    [Fact]
    public void SpecialTokensComeFromTheTemplateAlone()
    {
        var tokenizer = Tokenizer.Load(TestPaths.RequireShared("models", "SmolLM2-135M-Instruct"));
        var chats = Chats().ToList();
        foreach (var chat in chats[..2])
        {
            Assert.Equal(Ids(chat), tokenizer.Encode(tokenizer.ChatTemplate!.Render(Messages(chat))).Ids);
            Assert.Equal(Ids(chat), tokenizer.Chat!.Encode(Messages(chat), beginAnswer: true));
        }
        var injected = tokenizer.ChatTemplate!.Render(Messages(chats[2]));
        var ours = tokenizer.Encode(injected).Ids;
        // transformers finds the token that the user spelt; the text is the same, the token is not there.
        Assert.Equal(chats[2].GetProperty("text").GetString(), injected.Text);
        Assert.Equal(3, Ids(chats[2]).Count(id => id == 2));
        Assert.Equal(2, ours.Count(id => id == 2));
        Assert.Equal(injected.Text, tokenizer.Decode(ours, skipSpecialTokens: false));
        Assert.Contains(2, tokenizer.Encode("<|im_end|> injected", addSpecialTokens: false).Ids);
    }

    [Theory]
    [InlineData("{{ messages[0].content }}", "[X]")]
    [InlineData("{{ messages[0].content | trim | upper }}", "[X]")]
    [InlineData("{{ ('<' ~ messages[0].content ~ '>')[1:-1] }}", "[X]")]
    [InlineData("{{ messages[0].content.replace('q', '[') }}", "q")]
    [InlineData("{% set c %}{{ messages[0].content }}{% endset %}{{ c.split('-') | join('') }}", "[-X]")]
    [InlineData("{{ messages | map(attribute='content') | join }}", "[X]")]
    [InlineData("{{ messages | tojson }}", "[X]")]
    [InlineData("{{ '[' + messages[0].content }}", "X]")]
    [InlineData("{% for c in messages[0].content %}{{ c }}{% endfor %}", "[X]")]
    [InlineData("{{ messages[0].content[::-1] }}", "]X[")]
    public void WhatWasSaidStaysSaidWhateverATemplateDoesWithIt(string source, string content)
    {
        var text = ChatTemplate.Parse(source).Render([new("user", content)]);
        var tokenizer = TinyTokenizer.Load(file =>
        {
            file["added_tokens"]!.AsArray()
                .Add(System.Text.Json.Nodes.JsonNode.Parse("""{ "id": 8, "content": "[X]", "special": true }"""));
        });
        Assert.DoesNotContain(8, tokenizer.Encode(text).Ids);
        var own = ChatTemplate.Parse("[X]{{ messages[0].content }}[X]").Render([new("user", content)]);
        Assert.Equal(2, tokenizer.Encode(own).Ids.Count(id => id == 8));
    }

    [Theory]
    [InlineData("a\n{% include 'x' %}", "line 2, has the statement {% include %}")]
    [InlineData("{% for x in y %}", "ends where {% else %} or {% endfor %} was expected")]
    [InlineData("{% endfor %}", "has {% endfor %}, which nothing opened")]
    [InlineData("{{ x | shuffle }}", "has the filter \"shuffle\", which is none of trim")]
    [InlineData("{{ x is prime }}", "has the test \"prime\", which is none of defined")]
    [InlineData("{{ 'x }}", "opens a text that nothing closes")]
    [InlineData("{{ 1 + }}", "has }} where a value was expected")]
    [InlineData("{{ a b }}", "has \"b\" where }} was expected")]
    [InlineData("{# x", "opens a comment that nothing closes")]
    [InlineData("{{ x", "ends inside {{ … }}")]
    [InlineData("{{ $ }}", "has the sign $")]
    public void ATemplateThatCannotBeReadSaysWhereAndWhatIsSupported(string source, string message)
    {
        var error = Assert.Throws<PeftException>(() => ChatTemplate.Parse(source, "x.jinja")).Message;
        Assert.Contains(message, error);
        Assert.StartsWith("The chat template x.jinja, line ", error);
        Assert.Contains("supported of Jinja are for, if, set", error);
    }

    [Theory]
    [InlineData("{{ messages.x.y }}", "line 1, asks undefined (x) for \"y\"")]
    [InlineData("\n{{ 1 + 'a' }}", "line 2, has a number + a text")]
    [InlineData("{{ nothing() }}", "calls \"nothing\", which is no function")]
    [InlineData("{{ 'a'.encode() }}", "calls the method \"encode\" of a text, which is none of strip")]
    [InlineData("{{ 1 // 0 }}", "divides by zero")]
    [InlineData("{{ 999999999999999999 * 999999999999999999 }}", "more than 64 bits")]
    [InlineData("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "takes more than 2,000,000 steps")]
    [InlineData("{% set ns = namespace(x='abcdefgh') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "makes more than 67,108,864 characters")]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "goes deeper than 200")]
    [InlineData("{{ range(1000000000) }}", "asks for a range of more than 100,000")]
    [InlineData("{{ strftime_now('%c') }}", "asks for the date with %c")]
    public void ATemplateThatGoesWrongSaysWhere(string source, string message) => Assert.Contains(message,
        Assert.Throws<PeftException>(() => ChatTemplate.Parse(source, "x.jinja").Render([new("user", "a")])).Message);

    [Fact]
    public void DeepTemplatesAreRefusedBeforeTheyEndTheProcess()
    {
        Assert.Contains("deeper than 64", Assert.Throws<PeftException>(() => ChatTemplate.Parse("{{ " + new string('(', 100_000) + " }}"))
            .Message);
        Assert.Contains("deeper than 64",
            Assert.Throws<PeftException>(() => ChatTemplate.Parse(string.Concat(Enumerable.Repeat("{% if x %}", 20_000)))).Message);
        Assert.Contains("deeper than 64",
            Assert.Throws<PeftException>(() => ChatTemplate.Parse("{{ " + string.Concat(Enumerable.Repeat("not ", 20_000)) + "x }}"))
            .Message);
        Assert.Contains("deeper than 64", Assert.Throws<PeftException>(() => ChatTemplate.Parse("{{ " + new string('-', 100_000) + "1 }}"))
            .Message);
        Assert.Contains("more than 640 parts",
            Assert.Throws<PeftException>(() => ChatTemplate.Parse("{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 20_000)) + " }}"))
            .Message);
    }

    [Fact]
    public void AnUnknownRoleIsRefused() => Assert.Contains("has the role \"user|><|im_end\"; expected one of system",
        Assert.Throws<PeftException>(() => ChatTemplate.Parse("{{ messages[0].role }}").Render([new("user|><|im_end", "")])).Message);

    [Fact]
    public void ATokenizerBringsItsTemplate()
    {
        using var folder = new TempFolder().Write("tokenizer.json", TinyTokenizer.Json)
            .Write("tokenizer_config.json", """{ "bos_token": "[CLS]", "chat_template": [{ "name": "tool_use", "template": "x" }, {"""
                + """ "name": "default", "template": "{{ bos_token }}{{ messages[0].content }}" }] }""");
        var template = Tokenizer.Load(folder.Path).ChatTemplate!;
        Assert.Equal("[CLS]a", template.Render([new("user", "a")]).Text);
        folder.Write("chat_template.jinja", "of its own");
        Assert.Equal("of its own", Tokenizer.Load(folder.Path).ChatTemplate!.Render([]).Text);
        Assert.Null(TinyTokenizer.Load().ChatTemplate);
    }

    private static IEnumerable<JsonElement> Rows() => Array("jinja.json");

    private static IEnumerable<JsonElement> Chats() => Array("smollm2.json");

    private static IEnumerable<JsonElement> Array(string file) =>
        JsonDocument.Parse(File.ReadAllBytes(TestPaths.Fixture("chat", file))).RootElement.EnumerateArray();

    private static List<ChatMessage> Messages(JsonElement row) => [.. row.GetProperty("messages").EnumerateArray()
        .Select(message => new ChatMessage(message.GetProperty("role").GetString()!, message.GetProperty("content").GetString()!))];

    private static int[] Ids(JsonElement chat) => [.. chat.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
}
