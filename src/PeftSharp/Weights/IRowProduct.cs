namespace PeftSharp.Weights;

/// <summary>A weight of which a stretch of rows at a time can be multiplied with a handful of inputs.</summary>
internal unsafe interface IRowProduct
{
    /// <summary>Rows of the weight.</summary>
    long OutFeatures { get; }

    /// <summary>Columns of the weight.</summary>
    long InFeatures { get; }

    /// <summary>False where the weight is laid out, or computed with, in another way.</summary>
    bool HasRows { get; }

    /// <summary>Multiplies rows. What a row gives depends neither on the others nor on how many there are.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="rows">How many.</param>
    /// <param name="x">The inputs, one after the other, float32.</param>
    /// <param name="count">Inputs, at most <see cref="FewRows.Most"/>.</param>
    /// <param name="y">Where the products with the first input go, one behind the other.</param>
    /// <param name="stride">Numbers from there to where the products with the next go.</param>
    void Multiply(long first, long rows, float* x, int count, float* y, long stride);
}
