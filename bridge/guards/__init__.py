"""What watches over the answers: nobody waits for ever, and no budget is overrun without a word."""
