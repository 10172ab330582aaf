using System.Collections;

namespace PeftSharp.Tokenization.Chat;

/// <summary>Members and parts of values.</summary>
internal static class TemplateMembers
{
    /// <summary>A member: of a map or namespace by name, of a list or text by place, from its end where that is negative.</summary>
    public static object? Of(object? of, object? key, bool isAttribute) => (of, key) switch
    {
        (TemplateNamespace space, TemplateText name) => space.Members.TryGetValue(name.Value, out var value) ? value
            : new TemplateValues.Undefined(name.Value),
        (Dictionary<string, object?>, TemplateText name) => TemplateFilters.Member(of, name.Value),
        (IList list, long place) when !isAttribute => Place(place, list.Count) is { } at ? list[at]
            : new TemplateValues.Undefined($"[{place}]"),
        (TemplateText text, long place) when !isAttribute => Place(place, text.Value.Length) is { } at ? text.Slice(at, 1)
            : new TemplateValues.Undefined($"[{place}]"),
        (null or TemplateValues.Undefined, _) => throw new TemplateFailure($"asks {TemplateValues.Kind(of)} for "
            + $"{Files.Quoted.Name(TemplateValues.Text(key).Value)}"),
        _ => new TemplateValues.Undefined(TemplateValues.Text(key).Value),
    };

    /// <summary>A part of a list or text, as Python cuts it.</summary>
    public static object? Slice(object? of, long? from, long? to, long? step)
    {
        var stride = step ?? 1;
        if (stride == 0)
        {
            throw new TemplateFailure("cuts with a step of zero");
        }
        var count = of is TemplateText text ? text.Value.Length : of is IList list ? list.Count
            : throw new TemplateFailure($"cuts {TemplateValues.Kind(of)}");
        if (of is TemplateText whole && stride == 1)
        {
            var (start, end) = (Bound(from, 0), Bound(to, count));
            return whole.Slice((int)start, (int)(end - start));
        }
        var items = TemplateFilters.Items(of);
        var chosen = new List<object?>();
        if (stride > 0)
        {
            for (var i = Bound(from, 0); i < Bound(to, count); i += stride)
            {
                chosen.Add(items[(int)i]);
            }
        }
        else
        {
            for (var i = Math.Min(from is null ? count - 1 : Bound(from, 0), count - 1L); i > (to is null ? -1 : Bound(to, 0)); i += stride)
            {
                chosen.Add(items[(int)i]);
            }
        }
        return of is TemplateText ? TemplateFilters.Join(chosen, TemplateText.Own("")) : chosen;

        long Bound(long? bound, long missing) => Math.Clamp(bound is { } at ? at < 0 ? at + count : at : missing, 0, count);
    }

    private static int? Place(long place, int count) => (place < 0 ? place + count : place) is >= 0 and var at && at < count ? (int)at
        : null;
}
