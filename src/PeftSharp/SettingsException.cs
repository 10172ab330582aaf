namespace PeftSharp;

/// <summary>Settings that cannot be carried out as they stand; nothing has been done.</summary>
public sealed class SettingsException : PeftException
{
    /// <summary>Creates the exception from its one-sentence message.</summary>
    internal SettingsException(string message) : base(message) { }
}
