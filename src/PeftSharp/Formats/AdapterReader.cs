using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Composition.Foreign;
using PeftSharp.Files;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Models;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Formats;

/// <summary>Reads an adapter's tensors into a model.</summary>
internal sealed class AdapterReader(AdapterFolder folder)
{
    /// <summary>Reads it, attached under a name.</summary>
    /// <param name="model">The model.</param>
    /// <param name="name">The name; default: the one that it was saved under.</param>
    /// <param name="extend">True gives a head of fewer outputs the model's own rows for those that it lacks.</param>
    public PeftMethod LoadInto(PeftModel model, string? name = null, bool extend = false) => Attach(name, (own, saved, card) =>
    {
        RequireWidth(model.Model);
        RequirePooling(model.Model, card);
        var options = folder.Options is FusionOptions fusion ? Fusing(fusion, model) : folder.Options;
        var (map, numbers) = (model.Model.Head.OutputMap, SavedNumbers());
        if (extend && map is not null)
        {
            numbers += map.Weight.Count + (map.Bias?.Count ?? 0);
            HeadExtension.Extend(saved, map);
        }
        return model.AddSaved(options, own, extend ? null : Outputs(saved, map), numbers, method =>
        {
            Take(method, saved);
            TakeHead(method, extend);
            if (folder.HeadConfig()?.LanguageMap is { } written) RequireOwnMap(model.Model, written);
            if (card is not null) model.Describe(method, card);
        });
    });

    /// <inheritdoc cref="AdapterFolder.LoadInto(AdaptedModule, string?)"/>
    public PeftMethod LoadInto(AdaptedModule module, string? name = null) => Attach(
        name, (own, saved, _) => module.AddSaved(folder.Options, own, SavedNumbers(), method => Take(method, saved)));

    // What the folder holds, under the name that the adapter gets; the tensors are released afterwards.
    private PeftMethod Attach(string? name, Func<string, Dictionary<string, Tensor>, AnswerCard?, PeftMethod> attach)
    {
        RequireWeights();
        RequireShared();
        name ??= folder.SavedAs ?? "default";
        using var file = SafetensorsFile.Open(folder.WeightsFile);
        var card = file.Metadata.TryGetValue(AnswerCard.Key, out var text) ? AnswerCard.Parse(text, folder.WeightsFile) : null;
        var saved = file.Tensors.Keys.ToDictionary(key => Rename(key, name), file.Read);
        try
        {
            AddShared(saved);
            return attach(name, saved, card);
        }
        finally
        {
            foreach (var tensor in saved.Values) tensor.Dispose();
        }
    }

    private void Take(PeftMethod method, Dictionary<string, Tensor> saved)
    {
        method.LoadTensors(saved, folder.Format, folder.WeightsFile);
        if (LoadExtra(method, AdapterFolder.EncoderWeights, method.EncoderTensors(folder.Format))) method.EncoderRestored();
    }

    private void TakeHead(PeftMethod method, bool extend)
    {
        var head = method.Tensors.Where(t => t.SavedModule && folder.Format == AdapterFormat.AdapterHub).ToList();
        var file = File.Exists(Path.Combine(folder.Path, AdapterFolder.PooledHead)) ? AdapterFolder.PooledHead : AdapterFolder.HubHead;
        // A head that is the base's own may be left out.
        if (!LoadExtra(method, file, head, extend) && head.FirstOrDefault(t => method.Host.Drawn.Contains(t.Name)) is { } drawn)
            throw new PeftException(
                $"{folder.Path} has no {file}, and the base has no head of its own ({drawn.Name} was drawn at random); "
                + "save the adapter again with its head.");
    }

    // A map to the vocabulary that is saved with an adapter says nothing where it is the base's; another one would be passed over.
    private void RequireOwnMap(TransformerModel model, string name)
    {
        var path = Path.Combine(folder.Path, AdapterFolder.HubHead);
        if (!File.Exists(path) || model.Head.VocabularyMap is not { } map) return;
        using var file = SafetensorsFile.Open(path);
        if (!file.Tensors.ContainsKey(name)) return;
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var (value, own) = (file.Read(name), map.Weight.Copy());
        if (value.shape.SequenceEqual(own.shape) && value.to(own.dtype).eq(own.cpu()).all().item<bool>()) return;
        throw new PeftException(
            $"{path}: tensor {Quoted.Name(name)} is another map to the vocabulary than the base's own, and none but that is read; give the "
            + "base that the adapter was trained on.");
    }

    private FusionOptions Fusing(FusionOptions fusion, PeftModel model) => model.Ready(
        fusion, fusion.Fused.Count > 0 ? fusion.Fused : [.. folder.FusedNames.Select(name => AdapterComposition.Of(model[name].Tag))]);

    private void RequireWeights()
    {
        if (File.Exists(folder.WeightsFile)) return;
        var pickle = Path.Combine(folder.Path, folder.Options is FusionOptions ? FusionLayout.Pickle
            : folder.Format == AdapterFormat.Peft ? "adapter_model.bin" : "pytorch_adapter.bin");
        throw new PeftException(File.Exists(pickle)
            ? $"{pickle} is a pickle, which can run code when it is read; save the adapter again as safetensors "
              + "(peft: safe_serialization=True; AdapterHub: use_safetensors=True)."
            : $"{folder.WeightsFile} does not exist; the adapter folder is incomplete.");
    }

    private void RequireShared()
    {
        if (folder.SharedProblem() is { } problem) throw new PeftException($"{problem}; {AdapterFolder.SharedAdvice}.");
    }

    private void AddShared(Dictionary<string, Tensor> saved)
    {
        if (folder.SharedFile is not { } path) return;
        using var file = SafetensorsFile.Open(path);
        if (file.Tensors.Keys.FirstOrDefault(saved.ContainsKey) is { } twice)
            throw new PeftException(
                $"{path}: tensor {Quoted.Name(twice)} stands in {folder.WeightsFile} too; expected each tensor once: save the adapter "
                + "again.");
        foreach (var key in file.Tensors.Keys) saved[key] = file.Read(key);
    }

    private long SavedNumbers() => folder.TensorFiles.Sum(path =>
    {
        using var file = SafetensorsFile.Open(path);
        return file.Tensors.Values.Sum(t => t.Count);
    });

    // AdapterHub tells the base's width, so that no tensor's name has to.
    private void RequireWidth(TransformerModel model)
    {
        if (folder.Format != AdapterFormat.AdapterHub || folder.Json["hidden_size"] is not JsonValue value
            || !value.TryGetValue<long>(out var width) || width == model.Width) return;
        throw new PeftException(
            $"{folder.SettingsFile}: \"hidden_size\" is {width}, but the model's hidden size is {model.Width}; give the base that the "
            + $"adapter was trained on{(folder.Options.BaseModel is { } name ? $" ({Quoted.Name(name)})" : "")}.");
    }

    // The same tensors answer otherwise from another vector, and nothing would show it.
    private void RequirePooling(TransformerModel model, AnswerCard? card)
    {
        if (model.Head.Stages.Count == 0 || (card?.Pooling ?? folder.Pooling) is not { } trained || trained == model.Card.Pooling) return;
        var (asked, loaded) = (model.Card with { Pooling = trained }, model.Card);
        if (!asked.IsApart(model.Config.ModelType) && !loaded.IsApart(model.Config.ModelType)) return;
        throw new PeftException(
            $"{folder.WeightsFile}: the adapter was trained with {trained} pooling, but the model was loaded with {loaded.Pooling}; "
            + $"load it with ModelOptions.Pooling = Pooling.{trained}, or both with LoadedModel.Open.");
    }

    // AdapterHub's keys carry the adapter's name after the kind of its tensors; modules of the model may have the same name.
    private string Rename(string key, string name)
    {
        if (folder.Format != AdapterFormat.AdapterHub || folder.SavedAs is not { } old || old == name) return key;
        foreach (var kind in MethodRegistry.AdapterHubKinds.Concat(FusionLayout.Instance.Kinds))
            // A kind may begin the key, where the base has no prefix.
            if ($".{key}".IndexOf($".{kind}.{old}.", StringComparison.Ordinal) is >= 0 and var at)
                return $"{key[..(at + kind.Length + 1)]}{name}{key[(at + kind.Length + 1 + old.Length)..]}";
        return key;
    }

    /// <summary>Outputs of the head that is saved with the adapter; null if there is none that could stand in for the model's.</summary>
    private int? Outputs(Dictionary<string, Tensor> saved, ProjectionSite? map)
    {
        if (map is null) return null;
        var weight = $"{map.Path}.weight";
        bool IsWeight(string key) => key == weight || key.EndsWith($".{weight}", StringComparison.Ordinal);
        int? Fitting(long[] shape) => shape is [> 0 and <= 1 << 20, var width] && width == map.InFeatures ? (int)shape[0] : null;
        if (saved.Keys.FirstOrDefault(IsWeight) is { } key) return Fitting(saved[key].shape);
        var head = Path.Combine(folder.Path, AdapterFolder.HubHead);
        if (folder.Format != AdapterFormat.AdapterHub || !File.Exists(head)) return null;
        using var file = SafetensorsFile.Open(head);
        return file.Tensors.Keys.FirstOrDefault(IsWeight) is { } own ? Fitting(file.Tensors[own].Shape) : null;
    }

    private bool LoadExtra(PeftMethod method, string name, IEnumerable<AdapterTensor> tensors, bool extend = false)
    {
        var (path, list) = (Path.Combine(folder.Path, name), tensors.ToList());
        if (list.Count == 0 || !File.Exists(path)) return false;
        using var file = SafetensorsFile.Open(path);
        using var guard = no_grad();
        foreach (var tensor in list)
        {
            var own = tensor.OnDisk;
            if (
                !file.Tensors.TryGetValue(tensor.Name, out var info)
                    || !(info.Shape.SequenceEqual(own.shape) || extend && HeadExtension.IsShorter(info.Shape, own.shape)))
                throw new PeftException(
                    $"{path}: tensor \"{tensor.Name}\" of shape [{string.Join(", ", tensor.OnDisk.shape)}] is missing; "
                    + "the file belongs to another adapter or task.");
            using var value = file.Read(tensor.Name);
            (value.shape.SequenceEqual(own.shape) ? own : own.narrow(0, 0, value.shape[0])).copy_(value);
        }
        return true;
    }
}
