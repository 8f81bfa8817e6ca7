package vlm

import "recaption/schemas"

// Model names the files that run, for recipes.
func (e *Engine) Model() schemas.Model {
	m := schemas.Model{Family: e.model.ModelType, Files: make(map[string]schemas.Digest, len(e.files))}
	for _, f := range e.files {
		m.Files[f.Path] = f.SHA256
	}
	return m
}

// Again gives a prepared sample with other settings and another seed. It shares
// the picture and the tokens with p.
func (e *Engine) Again(p *Prepared, s Settings, seed int64) (*Prepared, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	var err error
	if s.MaxTokens, err = e.room(len(p.ids), s); err != nil {
		return nil, err
	}
	again := *p
	again.settings, again.seed = s, seed
	return &again, nil
}
