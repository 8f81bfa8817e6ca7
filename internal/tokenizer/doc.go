// Package tokenizer turns text into token ids and back, as the tokenizer.json
// of a Hugging Face repository says, id for id as the reference library
// (tokenizers) does.
//
// What a file asks for passes through five parts, in this order:
//
//	added tokens    text that is a token as it stands (<image>, <|im_end|>)
//	normalizer      the rest, rewritten (Unicode normal form C, lower case)
//	pre-tokenizer   the rest, cut into pieces
//	model           each piece into ids (byte pair encoding)
//	post-processor  ids that frame the whole (<s> ... </s>)
//
// and back through a decoder. Supported is the byte-level family: GPT-2, BART
// and RoBERTa, the cl100k and Qwen expressions, SmolLM's digits, and CLIP's
// words that end in "</w>"; and SentencePiece's unigram model,
// as SigLIP has it. Whatever else
// a file asks for is refused at Load with an [UnsupportedError] that names the
// field and its value; there is no fallback that comes close.
//
// The sections "truncation" and "padding" are not applied: who makes batches
// pads them, and a prompt that was cut without a word would give wrong
// captions.
//
// The reference classifies characters by Unicode 16 (17 for Digits); the
// tables here follow it, whatever the toolchain's version.
package tokenizer
