"""What trains and compares models: reports, sweeps, edits, and studies of one question each."""
