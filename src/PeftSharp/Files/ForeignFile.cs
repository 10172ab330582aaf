using PeftSharp.Files;

namespace PeftSharp.Files;

/// <summary>Files that people take for a model and that are none here: what they are, and what to do.</summary>
internal static class ForeignFile
{
    private static readonly (byte[] Start, string What)[] Starts =
    [
        ("GGUF"u8.ToArray(), "a GGUF file (llama.cpp's layout), a base model: give it where a base is asked for"),
        (
            "lmgg"u8.ToArray(),
            "a GGML file (an old layout of llama.cpp), which is not read: give the Hugging Face folder that it was made from"),
        (
            "tjgg"u8.ToArray(),
            "a GGML file (an old layout of llama.cpp), which is not read: give the Hugging Face folder that it was made from"),
        ("version https://git-lfs"u8.ToArray(), "the pointer of a Git LFS file and not the file itself: fetch it with git lfs pull"),
        (
            [0x89, (byte)'H', (byte)'D', (byte)'F'],
            "an HDF5 file (Keras, TensorFlow), which is not read: use the model's .safetensors files"),
        ([0x1F, 0x8B], "packed with gzip: unpack it first"),
        (
            "PK\u0003\u0004"u8.ToArray(),
            "a zip archive: unpack it first; a PyTorch file is one too, and is to be converted to safetensors by its own library"),
        ("<!DOCTYPE"u8.ToArray(), "a web page, as a server sends it in place of a file that it does not give: download it again"),
        ("<html"u8.ToArray(), "a web page, as a server sends it in place of a file that it does not give: download it again"),
    ];

    private static readonly Dictionary<string, string> Extensions = new(StringComparer.OrdinalIgnoreCase)
    {
        [".gguf"] = Starts[0].What,
        [".ggml"] = Starts[1].What,
        [".onnx"] = "an ONNX file, which is not read: use the model's .safetensors files",
        [".tflite"] = "a TensorFlow Lite file, which is not read: use the model's .safetensors files",
        [".msgpack"] = "a Flax file, which is not read: use the model's .safetensors files",
    };

    /// <summary>What a file is that no safetensors reader understands, with what to do; null where it may be safetensors.</summary>
    public static string? Of(string file)
    {
        var start = Start(file);
        foreach (var (bytes, what) in Starts)
            if (start.AsSpan().StartsWith(bytes)) return what;
        return Extensions.GetValueOrDefault(Path.GetExtension(file));
    }

    /// <summary>What stands where the folder of a model was expected, as a sentence.</summary>
    /// <param name="path">What was given.</param>
    /// <param name="what">What was expected: "model" or "adapter".</param>
    /// <param name="files">The files of such a folder.</param>
    public static string InPlaceOfFolder(string path, string what, string files)
    {
        if (!File.Exists(path)) return $"The {what} folder {path} does not exist; give a folder that holds {files}.";
        if (Of(path) is { } foreign) return $"{path} is {foreign}.";
        return $"{path} is a file, and a folder is expected: give the {what} folder that holds {files}.";
    }

    private static byte[] Start(string file)
    {
        try
        {
            using var stream = RegularFile.Open(file);
            var bytes = new byte[32];
            return bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is PeftException or IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
