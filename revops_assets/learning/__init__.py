"""What is learned with scikit-learn (optional): coefficients and weights, stored as rows and used in SQL."""
