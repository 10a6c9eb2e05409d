from experiments.drawing.markdown import markdown_table


def test_names_stand_to_the_left_and_numbers_to_the_right():
    assert markdown_table(["a", "b", "c"], [["x", "1", "2"], ["y", "", "3"]]) == (
        "| a | b | c |\n| --- | ---: | ---: |\n| x | 1 | 2 |\n| y |  | 3 |\n"
    )
