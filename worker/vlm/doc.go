// Package vlm captions images with vision-language models exported to ONNX.
//
// A model is a folder in the layout of public repositories: config.json,
// generation_config.json, preprocessor_config.json, tokenizer.json, perhaps
// processor_config.json, and three graphs: vision_encoder, embed_tokens and
// decoder_model_merged. All that decides a caption is read from these files,
// and the graphs' own inputs and outputs are checked against it when a model is
// opened: what the engine does not support is refused by name, never guessed.
//
// Terms. A prompt is the text a user gives, with one image token in it; expanded,
// it has one image token for each feature row of the picture. A row is one
// sample in a batch. A cache is the keys and values that the decoder keeps of
// what it has seen; it stays on the device. A lane is one goroutine that runs
// batches; lanes share the graphs.
//
// Rows are right-aligned: short prompts are padded on the left, to a multiple of
// 16, with a mask over the padding. With such lengths a row gets the same
// caption and the same log-probability in any company, bit for bit, in float32
// on a CPU. Graphs that quantise activations over the whole batch are the
// exception, and Describe says so of them.
package vlm
