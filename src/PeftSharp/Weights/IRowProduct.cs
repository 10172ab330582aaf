namespace PeftSharp.Weights;

/// <summary>A weight of which one row at a time can be multiplied with a handful of inputs.</summary>
internal unsafe interface IRowProduct
{
    /// <summary>Rows of the weight.</summary>
    long OutFeatures { get; }

    /// <summary>Columns of the weight.</summary>
    long InFeatures { get; }

    /// <summary>False where the weight is laid out, or computed with, in another way.</summary>
    bool HasRows { get; }

    /// <summary>Multiplies a row.</summary>
    /// <param name="row">Which.</param>
    /// <param name="x">The inputs, one after the other, float32.</param>
    /// <param name="count">Inputs, at most <see cref="FewRows.Most"/>.</param>
    /// <param name="y">Where the product with the first goes.</param>
    /// <param name="stride">Numbers from there to where the next goes.</param>
    void Multiply(long row, float* x, int count, float* y, long stride);
}
