using PeftSharp.Composition;
using PeftSharp.Hub;
using PeftSharp.Models;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/hub.md.</summary>
internal static class HubSnippet
{
    internal static async Task<PeftModel> Load()
    {
        var hub = new HubDownload(HubSettings.FromEnvironment());
        var source = await hub.GetAsync(HubRepository.Parse("google-bert/bert-base-uncased"), HubContent.Model);
        var model = new PeftModel(ModelLoader.Load(source.Folder), source.Repository.Id);
        return model;
    }
}
