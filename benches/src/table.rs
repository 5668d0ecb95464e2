//! Plain tables for a terminal: the first column to the left, figures to the right.

/// Rows under a heading.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new<const N: usize>(columns: [&str; N]) -> Self {
        Self { rows: vec![columns.map(str::to_owned).to_vec()] }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// Prints it.
    pub(crate) fn print(&self) {
        let widths = self.widths();
        for (index, row) in self.rows.iter().enumerate() {
            println!("   {}", format_row(row, &widths));
            if index == 0 {
                println!("   {}", "-".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1)));
            }
        }
    }

    /// The width of every column.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell_width = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
        (0..columns).map(|column| self.rows.iter().map(|row| cell_width(row, column)).max().unwrap_or(0)).collect()
    }
}

/// One line of the table.
fn format_row(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).enumerate();
    let padded: Vec<String> = cells
        .map(|(column, (cell, width))| if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") })
        .collect();
    padded.join("  ").trim_end().to_owned()
}

/// A ratio with two digits, or a dash where there is none.
pub(crate) fn ratio(value: f64) -> String {
    figure(value, 2)
}

/// A figure with so many digits, or a dash where there is none.
pub(crate) fn figure(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { "-".to_owned() }
}

/// The range of the rounds.
pub(crate) fn range((least, most): (f64, f64), digits: usize) -> String {
    format!("{}..{}", figure(least, digits), figure(most, digits))
}
