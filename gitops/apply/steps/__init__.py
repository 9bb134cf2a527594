"""What each step does, one small file a step; ``carry_out`` finds the right one."""
