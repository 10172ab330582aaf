namespace PeftSharp.Tokenization.PostProcessors;

/// <summary>A part of a template: a text (0 or 1), or special tokens where <see cref="Sequence"/> is -1.</summary>
internal readonly record struct TemplatePart(int Sequence, int[] Ids, int TypeId);
