"""Speed, measured from outside: the running hub beside a plain handler and a bare ceiling, on the same servers in one run."""
