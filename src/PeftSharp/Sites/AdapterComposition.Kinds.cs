using System.Globalization;

namespace PeftSharp.Sites;

public abstract partial class AdapterComposition
{
    /// <summary>One adapter.</summary>
    public sealed class One : AdapterComposition
    {
        internal One(AdapterTag adapter) : base([]) => Adapter = adapter;

        /// <summary>The adapter.</summary>
        public AdapterTag Adapter { get; }

        internal override IEnumerable<AdapterTag> Adapters => [Adapter];

        internal override AdapterTag Last => Adapter;

        internal override AdapterTag Answering => Adapter;

        internal override int? Outputs => Adapter.Outputs;

        /// <inheritdoc/>
        public override string ToString() => Adapter.Name;

        private protected override bool SaysTheSame(AdapterComposition other) => ((One)other).Adapter == Adapter;
    }

    /// <summary>One after the other.</summary>
    public sealed class Stack : AdapterComposition
    {
        internal Stack(IReadOnlyList<AdapterComposition> children) : base(children) { }

        internal override int? Outputs => Children.Select(child => child.Outputs).LastOrDefault(own => own is not null);

        /// <inheritdoc/>
        public override string ToString() => $"stack({Listed()})";

        private protected override bool SaysTheSame(AdapterComposition other) => true;
    }

    /// <summary>A weighted mean.</summary>
    public sealed class Average : AdapterComposition
    {
        internal Average(IReadOnlyList<AdapterComposition> children, double[] weights) : base(children) => Weights = weights;

        /// <summary>The weight of each child; they add up to 1.</summary>
        public IReadOnlyList<double> Weights { get; }

        internal override bool IsFlat => false;

        internal override AdapterTag Answering => Children[0].Answering;

        internal override int? Outputs => Children[0].Outputs;

        /// <inheritdoc/>
        public override string ToString() =>
            $"average({Listed(i => string.Create(CultureInfo.InvariantCulture, $":{Weights[i]:0.######}"))})";

        private protected override bool SaysTheSame(AdapterComposition other) => ((Average)other).Weights.SequenceEqual(Weights);
    }

    /// <summary>An attention over what the children add.</summary>
    public sealed class Fuse : AdapterComposition
    {
        internal Fuse(AdapterTag fusion, IReadOnlyList<AdapterComposition> children) : base(children) => Fusion = fusion;

        /// <summary>What holds the attention.</summary>
        public AdapterTag Fusion { get; }

        internal override bool IsFlat => false;

        internal override IEnumerable<AdapterTag> Adapters => base.Adapters.Append(Fusion);

        internal override AdapterTag Answering => Fusion;

        internal override int? Outputs => Fusion.Outputs;

        /// <inheritdoc/>
        public override string ToString() => $"fuse({Listed()})";

        private protected override bool SaysTheSame(AdapterComposition other) => ((Fuse)other).Fusion == Fusion;
    }

    /// <summary>Each child on tokens of its own.</summary>
    public sealed class Split : AdapterComposition
    {
        internal Split(IReadOnlyList<AdapterComposition> children, int[] tokens) : base(children) => Tokens = tokens;

        /// <summary>Tokens of each child but the last.</summary>
        public IReadOnlyList<int> Tokens { get; }

        internal override bool IsFlat => false;

        internal override bool HasSplit => true;

        internal override int? Outputs => Children.Select(child => child.Outputs).LastOrDefault(own => own is not null);

        /// <inheritdoc/>
        public override string ToString() => $"split({Listed(i => i < Tokens.Count ? $":{Tokens[i]}" : "")})";

        private protected override bool SaysTheSame(AdapterComposition other) => ((Split)other).Tokens.SequenceEqual(Tokens);
    }
}
