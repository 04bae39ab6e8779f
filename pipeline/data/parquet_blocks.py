"""Read a split in blocks, for data that does not fit into memory."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from pipeline.base.errors import UserError
from pipeline.data.canonical import split_files
from pipeline.data.description import Split
from pipeline.images.image_parquet import ROW_GROUP_IMAGES
from pipeline.images.png import decode_png


class ParquetBlocks:
    """Read the row groups of a split of a canonical dataset: `size` images in `count` blocks.

    The digests of the split's files are checked first.
    """

    block = ROW_GROUP_IMAGES

    def __init__(self, folder: Path, split: Split) -> None:
        self.paths, description = split_files(folder, split)
        self.channels = description.image.channels
        self.size = description.splits[split].rows
        self.count = -(-self.size // self.block)
        # A file holds whole blocks, except for the last block of the split.
        in_files = [-(-file.rows // self.block) for file in description.splits[split].files]
        self._row_groups = [
            (path, group) for path, groups in zip(self.paths, in_files, strict=True) for group in range(groups)
        ]

    def load(self, block: int) -> tuple[Tensor, Tensor]:
        """Return `(images uint8 [n, C, H, W], labels int64 [n])` of one row group.

        Every call opens the file anew, since an open Parquet file is for one thread.

        Raises:
            UserError: the file is damaged.
        """
        path, group = self._row_groups[block]
        try:
            with pq.ParquetFile(path) as file:
                table = file.read_row_group(group, columns=["image", "label"])
            contents = table["image"].combine_chunks().field("bytes")
            images = np.stack([decode_png(content.as_py(), self.channels) for content in contents])
        except (OSError, ValueError, pa.ArrowException) as error:
            raise UserError(f"{path} is damaged: {error}. Run the stage again that writes it.") from None
        labels = table["label"].to_numpy()
        return torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), torch.from_numpy(labels.copy())
