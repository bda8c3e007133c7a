"""Who answers for a service: this machine, or Azure."""
