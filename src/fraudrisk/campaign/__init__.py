"""What a campaign reports upward and tells the public: tables that reconcile with the clues, and tips that name nobody."""
