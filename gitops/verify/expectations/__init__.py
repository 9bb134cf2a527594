"""What a check may expect: one small file an expectation."""
