using System.Collections.Concurrent;
using System.Text;
using PeftSharp.Hub;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Hub;

/// <summary>A hub, a cache, and what was told of the transfers.</summary>
public abstract class HubTestBase : IDisposable
{
    private protected LocalHub Hub { get; } = new();

    private protected TempFolder Temp { get; } = new();

    private protected Witness Seen { get; } = new();

    private protected string Cache => Temp.File("cache");

    private protected HubSettings Settings => Hub.Settings(Cache);

    private protected string Storage(string id) => Path.Combine(Cache, $"models--{id.Replace("/", "--")}");

    public void Dispose()
    {
        Hub.Dispose();
        Temp.Dispose();
    }

    private protected static byte[] Bytes(int count, int seed = 1)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private protected static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    private protected static (string, byte[])[] Model(int size = 1000) =>
        [
            ("config.json", Text("{\"model_type\":\"bert\"}")), ("vocab.txt", Text("[PAD]\n[UNK]\n")), ("model.safetensors", Bytes(size)),
            ("README.md", Text("# A model")), ("pytorch_model.bin", Bytes(50)), ("onnx/model.onnx", Bytes(50)),
        ];

    private protected Task<HubSnapshot> Get(
        string name = "me/bert", HubContent content = HubContent.Any, HubSettings? settings = null,
        CancellationToken cancellation = default) =>
        new HubDownload(settings ?? Settings, Seen).GetAsync(HubRepository.Parse(name), content, cancellation);

    private protected async Task<HubException> Fails(
        HubProblem problem, string expected, string name = "me/bert", HubContent content = HubContent.Any, HubSettings? settings = null)
    {
        var e = await Assert.ThrowsAsync<HubException>(() => Get(name, content, settings));
        Assert.Contains(expected, e.Message);
        Assert.Equal(problem, e.Problem);
        Assert.EndsWith(".", e.Message);
        Assert.DoesNotContain('\n', e.Message);
        return e;
    }

    /// <summary>Counts what a progress display would show.</summary>
    private protected sealed class Witness : IHubProgress
    {
        private readonly ConcurrentDictionary<string, long> _moved = new();

        public ConcurrentDictionary<string, long> Sizes { get; } = new();

        public ConcurrentQueue<string> Notes { get; } = new();

        public IReadOnlyDictionary<string, long> Moved => _moved;

        void IHubProgress.Starting(HubRepository repository, IReadOnlyList<HubTransferFile> files)
        {
            foreach (var file in files) Sizes[file.Name] = file.Bytes;
        }

        void IHubProgress.Moved(string file, long bytes) => _moved.AddOrUpdate(file, bytes, (_, sum) => sum + bytes);

        void IHubProgress.Note(string sentence) => Notes.Enqueue(sentence);
    }
}
