// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {MarketTest} from "./MarketTest.sol";

/// @title Reads PAYOFFS.md: finds rows, and evaluates cells for given values of their symbols.
abstract contract PayoffsFile is MarketTest {
    /// @dev What a row's symbols stand for in one deal.
    struct Symbols {
        uint256 price;
        uint256 cost;
        uint256 penalty;
        uint256 solverFee;
        uint256 mediatorFee;
        uint256 availabilityFee;
        uint256 fees;
        uint256 owed;
        uint256 deposit;
    }

    uint256 internal rowCount;
    mapping(string name => string[]) private _cells;

    function _assertCell(string memory name, string memory party, string memory cell, Symbols memory s, int256 actual)
        internal
        pure
        returns (int256)
    {
        assertEq(actual, _evaluate(cell, s), string.concat(name, ": ", party));
        return actual;
    }

    /// @dev "0", or signs and symbols separated by single spaces.
    function _evaluate(string memory cell, Symbols memory s) private pure returns (int256 sum) {
        if (_same(cell, "0")) return 0;
        string[] memory words = vm.split(cell, " ");
        require(words.length % 2 == 0, string.concat("PAYOFFS.md: write a sign before each symbol of: ", cell));
        for (uint256 i; i < words.length; i += 2) {
            require(_same(words[i], "+") || _same(words[i], "-"), string.concat("PAYOFFS.md: no sign: ", words[i]));
            int256 value = int256(_value(words[i + 1], s));
            sum += _same(words[i], "+") ? value : -value;
        }
    }

    function _value(string memory symbol, Symbols memory s) private pure returns (uint256) {
        if (_same(symbol, "price")) return s.price;
        if (_same(symbol, "cost")) return s.cost;
        if (_same(symbol, "penalty")) return s.penalty;
        if (_same(symbol, "solverFee")) return s.solverFee;
        if (_same(symbol, "mediatorFee")) return s.mediatorFee;
        if (_same(symbol, "availabilityFee")) return s.availabilityFee;
        if (_same(symbol, "fees")) return s.fees;
        if (_same(symbol, "owed")) return s.owed;
        if (_same(symbol, "deposit")) return s.deposit;
        revert(string.concat("PAYOFFS.md: unknown symbol: ", symbol));
    }

    /// @dev Read once: reading takes longer than all the rest of a test.
    function setUp() public virtual override {
        super.setUp();
        string[] memory rows = _rows();
        for (uint256 i; i < rows.length; ++i) {
            string[] memory cells = vm.split(rows[i], "|");
            string memory name = vm.trim(cells[1]);
            require(_cells[name].length == 0, string.concat("PAYOFFS.md: two rows for ", name));
            for (uint256 j; j < cells.length; ++j) {
                _cells[name].push(vm.trim(cells[j]));
            }
        }
        rowCount = rows.length;
    }

    /// @dev Cells 1 to 7; what is before the first bar and after the last is nothing.
    function _row(string memory name) internal view returns (string[] memory cells) {
        cells = _cells[name];
        require(cells.length == 9, string.concat("PAYOFFS.md: no row of seven cells for ", name));
    }

    /// @dev The lines of the first table under its ruler.
    function _rows() private view returns (string[] memory rows) {
        string[] memory lines = vm.split(vm.readFile("PAYOFFS.md"), "\n");
        uint256 first;
        while (bytes(lines[first]).length < 4 || bytes(lines[first])[1] != "-") ++first;
        uint256 count;
        while (bytes(lines[++first]).length != 0) ++count;
        rows = new string[](count);
        for (uint256 i; i < count; ++i) {
            rows[i] = lines[first - count + i];
        }
    }

    function _same(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }
}
