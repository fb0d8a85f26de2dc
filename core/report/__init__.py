"""What people and other programs are told, and the record that they can ask afterwards."""
