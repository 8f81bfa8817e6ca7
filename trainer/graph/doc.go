// Package graph writes the training of a CLIP model as ONNX graphs, forward and
// backward, and runs them.
//
// The towers are those of Hugging Face's CLIPModel (transformers,
// modeling_clip.py; after Radford et al., arXiv 2103.00020): a vision
// transformer with a class token, read after its last norm, and a causal text
// transformer, read at the end-of-text token, each followed by a projection
// without bias and brought to norm 1. Parameters have CLIPModel's names, shapes
// and initial distributions.
//
// Every block is a function that writes its forward pass and returns the one
// that writes its gradient. No graph depends on the batch's size or the texts'
// length, so one session serves all batches.
//
// [Step] does a whole step. [EmbedImages], [EmbedTexts], [Contrast],
// [BackwardImages] and [BackwardTexts] together do the same for a batch that is
// larger than what the towers can hold, part by part: the loss needs the
// embeddings of all samples and nothing else of them (gradient caching, Gao et
// al., arXiv 2101.06983).
//
// How a step is laid out, for speed on a CPU and without a change to any result:
// rows are positions first, and the class token's come first of all. Only one position of
// each sample is read in the end, so the last layer makes queries, and what is behind
// them, for this one alone. What writes to the residual stream is centred, so that no
// norm needs the mean of a row. Gains and offsets of norms and the biases behind them are
// folded into weights, which are small, and so are their gradients. See norm.go,
// linear.go and layer.go.
//
// What was slow on the CPU is avoided: the fused layer norm with its extra outputs, bias
// vectors as the C of a Gemm, expanding what broadcasts.
//
// A graph uses these operators of ONNX's default set, version 17: Add, ArgMax, Cast, Concat,
// ConstantOfShape, Div, Equal, Erf, Exp, Expand, Gather, Gemm, Greater, Identity, Log, MatMul,
// Mul, Neg, Pad, Range, Reciprocal, ReduceMax, ReduceMean, ReduceSum, ReduceSumSquare, Reshape,
// Shape, Sigmoid, Slice, Softmax, Softplus, Sqrt, Sub, Transpose, Unsqueeze; and FusedMatMul of ONNX
// Runtime's own. Its CPU and CUDA providers have all of them. On a CPU with a fixed
// number of threads, a step gives the same bits each time.
//
// On a GPU the same graphs run there, while parameters and gradients live on the host,
// where optimizers work: they are copied with each step.
package graph
