"""What long work needs: a cluster, interrupts, progress, provenance."""
