// Package optim trains a model's parameters in place, from their gradients:
// AdamW, or Muon for the matrices between hidden layers and AdamW for the rest.
//
// A step is a function of parameters, gradients, state and the step's number, and
// gives the same bits with any number of goroutines. So training that goes on from
// a saved state ends with the same weights as training that never stopped.
package optim
