using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs;

/// <summary>
/// A run written down: a YAML file with Hugging Face's key names, the method's settings among them under their peft names.
/// </summary>
public static class Recipe
{
    /// <summary>Reads a recipe as the description of a run, to be run as it is or changed.</summary>
    /// <param name="file">The file, YAML of at most 1 MB.</param>
    /// <exception cref="PeftException">It does not exist, is no recipe, or holds a value out of range; the message names the
    /// line.</exception>
    public static FineTuning Load(string file)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        RecipeFile.Apply(file, new TrainSettings());
        return new(settings => RecipeFile.Apply(file, settings));
    }
}
