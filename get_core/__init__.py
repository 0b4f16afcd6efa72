"""Cell-type atlas → GET attribution → causal motif network → transcription-factor pairs."""
