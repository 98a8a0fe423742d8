DROP TABLE scanned_files;
