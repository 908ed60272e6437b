"""The processes of one installation: started, watched, tied to their parent, one product to a data folder."""
