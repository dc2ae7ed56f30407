"""Where servers are heard of. Being heard of says nothing about being alive."""
