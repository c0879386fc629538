"""What all edges to Gemini share: its models, requests and answers. It knows no other dialect."""
