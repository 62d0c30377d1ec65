"""What a campaign needs beside the list: early warning, tables for the upper office, tips for the public."""
