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
// Operators are of ONNX's default set and ONNX Runtime's FusedMatMul, all of
// which its CPU and CUDA providers have. What was slow on the CPU is avoided: the
// fused layer norm with its extra outputs, bias vectors as the C of a Gemm,
// expanding what broadcasts. Gains and offsets of norms are folded into the
// weights behind them, which are small, and so are their gradients.
package graph
