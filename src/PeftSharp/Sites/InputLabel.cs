namespace PeftSharp.Sites;

/// <summary>A token that a model learns to write inside what a plug-in puts before a sequence.</summary>
/// <param name="Place">Which of the vectors stands for it, from 1: the one before it answers.</param>
/// <param name="Token">Its id.</param>
/// <param name="Weight">What its loss is multiplied by; the label counts as one all the same.</param>
public sealed record InputLabel(int Place, long Token, double Weight);
