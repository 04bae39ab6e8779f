"""What each DVC stage does, once its config is found right; apart from the stage, since it takes seconds to import."""
