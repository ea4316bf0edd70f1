"""Lists written as files that people open in a spreadsheet and programs read: CSV and SpreadsheetML, row by row."""
