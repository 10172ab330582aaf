using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.FourierFt;

/// <summary>
/// ΔW = scaling · the real part of the inverse discrete Fourier transform of a spectrum of few numbers (Gao et al. 2024, arXiv 2405.03003).
/// </summary>
/// <param name="spectrum">The numbers, [frequencies].</param>
/// <param name="places">Their places in the spectrum [out, in], row-major, int64.</param>
/// <param name="outFeatures">Rows.</param>
/// <param name="inFeatures">Columns.</param>
/// <param name="scaling">The factor.</param>
internal sealed class FourierChange(AdapterTensor spectrum, Tensor places, long outFeatures, long inFeatures, double scaling) : WeightChange
{
    protected override Tensor Change(WeightStore weight, ForwardContext context)
    {
        var numbers = spectrum.Get(context);
        var dense = zeros(outFeatures * inFeatures, numbers.dtype, numbers.device).scatter(0, places, numbers.Times(scaling));
        return real(fft.ifft2(dense.view(outFeatures, inFeatures)));
    }
}
