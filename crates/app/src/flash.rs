//! The folder with a board's files, and what a person is told where another board has it too.

use std::io;
use std::path::Path;

use socklab_engine::Lang;
use socklab_engine::board::folder::Folder;

use crate::places::Places;
use crate::say;

/// The folder that was asked for. One that another board has is shared, and that is said.
pub(crate) fn asked(folder: &Path, lang: Lang) -> io::Result<Folder> {
    let held = Folder::asked(folder)?;
    if held.is_other {
        let folder = folder.display();
        say::say(lang.pick(
            &format!("another board has the folder {folder} too: what both write there may be lost"),
            &format!("另一块板子也在使用文件夹 {folder}：两边同时写入的内容可能丢失"),
        ));
    }
    Ok(held)
}

/// The board's own. With another Socklab there, it is the next that is free, and that is said.
pub(crate) fn own(places: &Places, name: &str, kind: &str, lang: Lang) -> io::Result<Folder> {
    let held = Folder::own(&places.flashes(), name, kind)?;
    if held.is_other {
        let there = held.path.display();
        say::say(lang.pick(
            &format!("another board has the files of {name}: this one has its own, in {there}"),
            &format!("另一块板子正在使用 {name} 的文件：这块板子使用自己的，在 {there}"),
        ));
    }
    Ok(held)
}
