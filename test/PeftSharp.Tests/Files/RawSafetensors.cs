using System.Buffers.Binary;
using System.Text;

namespace PeftSharp.Tests.Files;

/// <summary>Files made by hand, so that headers can lie.</summary>
internal static class RawSafetensors
{
    public static byte[] Of(string header, int dataBytes, ulong? announced = null) =>
        Of(Encoding.UTF8.GetBytes(header), dataBytes, announced);

    public static byte[] Of(byte[] header, int dataBytes, ulong? announced = null)
    {
        var file = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(file, announced ?? (ulong)header.Length);
        header.CopyTo(file, 8);
        for (var i = 0; i < dataBytes; i++) file[8 + header.Length + i] = (byte)i;
        return file;
    }

    public static string Tensor(string name, string dtype, string shape, long from, long to) =>
        $$""" "{{name}}":{"dtype":"{{dtype}}","shape":[{{shape}}],"data_offsets":[{{from}},{{to}}]}""";
}
