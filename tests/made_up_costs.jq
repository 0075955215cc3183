# A table of costs (costs.json of tests/tiny_supernet.toml) with every time made up, so that a search finds the same on every
# machine, however busy: a layer's by its widths, whatever its size (the blocks at a net's end are then what an early exit
# saves), a stage's as the sum of its layers. In int8 a wide layer costs less and a narrow one more.
def layer_us($in; $out; $int8): if $int8 then 2 + $in * $out / 80 else 1 + $in * $out / 40 end;

(.precision == "int8") as $int8
| (.layers[] |= (.samples_us = [layer_us(.in_channels; .out_channels; $int8)]))
| (.stages[] |= (.first_block as $first | .last_block as $last
    | .samples_us = [2 + ([.arch / "-" | to_entries[] | .key as $block | (.value / ",")[] | {block: $block, width: tonumber}]
        | [range(length) as $i | select(.[$i].block >= $first and .[$i].block < $last)
            | layer_us(if $i == 0 then 3 else .[$i - 1].width end; .[$i].width; $int8)] | add)]))
| del(.checksum)
