namespace PeftSharp.Files;

/// <summary>The size of a file's content: of what a link leads to, not of the link. The files of a Hugging Face cache are links.</summary>
public static class FileSize
{
    /// <summary>Bytes; 0 where a link leads to nothing or to a pipe.</summary>
    /// <exception cref="IOException">There is no such file.</exception>
    public static long Of(string path)
    {
        var file = new FileInfo(path);
        if (file.LinkTarget is null) return file.Length;
        return file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo { Exists: true } content ? content.Length : 0;
    }
}
